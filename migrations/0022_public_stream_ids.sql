DROP INDEX `streams_client`;--> statement-breakpoint
ALTER TABLE `streams` ADD `public_id` integer DEFAULT 0 NOT NULL;--> statement-breakpoint
-- Event ids that clients were given before name the row's own id: these go on.
UPDATE `streams` SET `public_id` = `id`;--> statement-breakpoint
CREATE UNIQUE INDEX `streams_client_public_id` ON `streams` (`client_id`,`public_id`);
