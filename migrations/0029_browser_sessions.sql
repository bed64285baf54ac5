CREATE TABLE `browser_sessions` (
	`hash` blob PRIMARY KEY NOT NULL,
	`kind` text NOT NULL,
	`principal` text NOT NULL,
	`scope` text NOT NULL,
	`key_id` text,
	`created_at` integer NOT NULL,
	`expires_at` integer NOT NULL
);
--> statement-breakpoint
CREATE INDEX `browser_sessions_principal` ON `browser_sessions` (`principal`,`created_at`);--> statement-breakpoint
CREATE INDEX `browser_sessions_expiry` ON `browser_sessions` (`expires_at`);