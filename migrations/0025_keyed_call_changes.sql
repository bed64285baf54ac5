CREATE TABLE `keyed_call_changes` (
	`call_id` integer NOT NULL,
	`what` text NOT NULL,
	`n` integer NOT NULL,
	`result` text,
	PRIMARY KEY(`call_id`, `what`, `n`),
	FOREIGN KEY (`call_id`) REFERENCES `keyed_calls`(`id`) ON UPDATE no action ON DELETE cascade
);
