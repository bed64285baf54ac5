DROP INDEX `clients_owner`;--> statement-breakpoint
ALTER TABLE `clients` ADD `credentials` text;--> statement-breakpoint
ALTER TABLE `clients` ADD `scope` text;--> statement-breakpoint
ALTER TABLE `clients` ADD `own_session_id` text DEFAULT '' NOT NULL;--> statement-breakpoint
-- A client of an earlier version gave its own id to its session.
UPDATE `clients` SET `own_session_id` = `id`;--> statement-breakpoint
CREATE INDEX `clients_own_session` ON `clients` (`own_session_id`);--> statement-breakpoint
CREATE INDEX `clients_owner` ON `clients` (`owner`,`credentials`,`last_seen_at`) WHERE ended_at is null;--> statement-breakpoint
ALTER TABLE `open_requests` ADD `credentials` text;