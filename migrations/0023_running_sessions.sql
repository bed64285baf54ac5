CREATE TABLE `running_sessions` (
	`session_id` text NOT NULL,
	`instance_id` text NOT NULL,
	PRIMARY KEY(`session_id`, `instance_id`),
	FOREIGN KEY (`session_id`) REFERENCES `sessions`(`id`) ON UPDATE no action ON DELETE cascade,
	FOREIGN KEY (`instance_id`) REFERENCES `instances`(`id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE INDEX `running_sessions_instance` ON `running_sessions` (`instance_id`);