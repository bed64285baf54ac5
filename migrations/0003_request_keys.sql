CREATE TABLE `keyed_calls` (
	`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`owner` text NOT NULL,
	`scope` text NOT NULL,
	`key` text NOT NULL,
	`request` text NOT NULL,
	`new_session_id` text NOT NULL,
	`instance_id` text NOT NULL,
	`created_at` integer NOT NULL,
	`outcome` text
);
--> statement-breakpoint
CREATE UNIQUE INDEX `keyed_calls_key` ON `keyed_calls` (`owner`,`scope`,`key`);--> statement-breakpoint
CREATE INDEX `keyed_calls_created` ON `keyed_calls` (`created_at`);--> statement-breakpoint
CREATE TABLE `signing_keys` (
	`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`secret` blob NOT NULL,
	`created_at` integer NOT NULL
);
--> statement-breakpoint
-- What a deleted conversation has answered is not kept for repeated calls.
CREATE TRIGGER keyed_calls_of_session AFTER DELETE ON sessions BEGIN
  DELETE FROM keyed_calls WHERE owner = old.owner
    AND (scope = old.id OR (scope = '' AND new_session_id = old.id));
END;
