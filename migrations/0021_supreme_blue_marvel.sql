DROP INDEX `messages_request_key`;--> statement-breakpoint
CREATE UNIQUE INDEX `messages_author_request_key` ON `messages` (`session_id`,`request_key`,`role`,`author`) WHERE request_key is not null;