CREATE TABLE `message_vectors` (
	`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`message_id` integer NOT NULL,
	`model` text NOT NULL,
	`vector` blob NOT NULL,
	FOREIGN KEY (`message_id`) REFERENCES `messages`(`id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE UNIQUE INDEX `message_vectors_model` ON `message_vectors` (`model`,`message_id`);--> statement-breakpoint
CREATE INDEX `message_vectors_message` ON `message_vectors` (`message_id`);