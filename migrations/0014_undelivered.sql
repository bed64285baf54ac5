ALTER TABLE `streams` ADD `undelivered` text;--> statement-breakpoint
CREATE INDEX `streams_undelivered` ON `streams` (`client_id`,`undelivered`) WHERE undelivered is not null;