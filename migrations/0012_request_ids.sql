CREATE TABLE `__new_open_requests` (
	`client_id` text NOT NULL,
	`request_id` text NOT NULL,
	`stream_id` integer NOT NULL,
	`message` text NOT NULL,
	`target` text,
	`scope` text,
	`instance_id` text NOT NULL,
	`started_at` integer NOT NULL,
	PRIMARY KEY(`stream_id`, `request_id`),
	FOREIGN KEY (`client_id`) REFERENCES `clients`(`id`) ON UPDATE no action ON DELETE cascade,
	FOREIGN KEY (`stream_id`) REFERENCES `streams`(`id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
INSERT INTO `__new_open_requests`("client_id", "request_id", "stream_id", "message", "target", "scope", "instance_id", "started_at") SELECT "client_id", "request_id", "stream_id", "message", "target", "scope", "instance_id", "started_at" FROM `open_requests`;--> statement-breakpoint
DROP TABLE `open_requests`;--> statement-breakpoint
ALTER TABLE `__new_open_requests` RENAME TO `open_requests`;--> statement-breakpoint
CREATE INDEX `open_requests_client` ON `open_requests` (`client_id`);--> statement-breakpoint
CREATE INDEX `open_requests_instance` ON `open_requests` (`instance_id`);