CREATE TABLE `connections` (
	`client_id` text NOT NULL,
	`instance_id` text NOT NULL,
	PRIMARY KEY(`client_id`, `instance_id`),
	FOREIGN KEY (`client_id`) REFERENCES `clients`(`id`) ON UPDATE no action ON DELETE cascade,
	FOREIGN KEY (`instance_id`) REFERENCES `instances`(`id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE INDEX `connections_instance` ON `connections` (`instance_id`);