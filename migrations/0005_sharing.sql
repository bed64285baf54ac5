CREATE TABLE `audit` (
	`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`at` integer NOT NULL,
	`principal` text NOT NULL,
	`action` text NOT NULL,
	`subject` text NOT NULL,
	`detail` text
);
--> statement-breakpoint
CREATE INDEX `audit_at` ON `audit` (`at`);--> statement-breakpoint
CREATE TABLE `grants` (
	`session_id` text NOT NULL,
	`principal` text NOT NULL,
	`access` text NOT NULL,
	`created_at` integer NOT NULL,
	PRIMARY KEY(`session_id`, `principal`),
	FOREIGN KEY (`session_id`) REFERENCES `sessions`(`id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE INDEX `grants_principal` ON `grants` (`principal`);--> statement-breakpoint
CREATE VIEW audit_overview AS
SELECT strftime('%Y-%m-%d %H:%M:%S', at / 1000, 'unixepoch') AS time, principal, action, subject, detail
FROM audit ORDER BY id DESC;
