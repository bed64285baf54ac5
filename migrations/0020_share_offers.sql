CREATE TABLE `share_offers` (
	`session_id` text NOT NULL,
	`principal` text NOT NULL,
	`access` text NOT NULL,
	`created_at` integer NOT NULL,
	PRIMARY KEY(`session_id`, `principal`),
	FOREIGN KEY (`session_id`) REFERENCES `sessions`(`id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE INDEX `share_offers_principal` ON `share_offers` (`principal`,`created_at`);