CREATE TABLE `summaries` (
	`session_id` text PRIMARY KEY NOT NULL,
	`upto_seq` integer NOT NULL,
	`left_out` integer DEFAULT 0 NOT NULL,
	`content` text NOT NULL,
	`model` text NOT NULL,
	`created_at` integer NOT NULL,
	FOREIGN KEY (`session_id`) REFERENCES `sessions`(`id`) ON UPDATE no action ON DELETE cascade
);
