CREATE TABLE `history_gaps` (
	`session_id` text PRIMARY KEY NOT NULL,
	`missing` integer NOT NULL,
	`last_seq` integer NOT NULL,
	FOREIGN KEY (`session_id`) REFERENCES `sessions`(`id`) ON UPDATE no action ON DELETE cascade
);
