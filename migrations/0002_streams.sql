CREATE TABLE `open_requests` (
	`client_id` text NOT NULL,
	`request_id` text NOT NULL,
	`stream_id` integer NOT NULL,
	`message` text NOT NULL,
	`target` text,
	`instance_id` text NOT NULL,
	`started_at` integer NOT NULL,
	PRIMARY KEY(`client_id`, `request_id`),
	FOREIGN KEY (`client_id`) REFERENCES `clients`(`id`) ON UPDATE no action ON DELETE cascade,
	FOREIGN KEY (`stream_id`) REFERENCES `streams`(`id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE INDEX `open_requests_stream` ON `open_requests` (`stream_id`);--> statement-breakpoint
CREATE INDEX `open_requests_instance` ON `open_requests` (`instance_id`);--> statement-breakpoint
CREATE TABLE `outbox` (
	`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`client_id` text NOT NULL,
	`data` text NOT NULL,
	`created_at` integer NOT NULL,
	FOREIGN KEY (`client_id`) REFERENCES `clients`(`id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE INDEX `outbox_client` ON `outbox` (`client_id`,`id`);--> statement-breakpoint
CREATE TABLE `stream_events` (
	`stream_id` integer NOT NULL,
	`seq` integer NOT NULL,
	`data` text NOT NULL,
	`created_at` integer NOT NULL,
	PRIMARY KEY(`stream_id`, `seq`),
	FOREIGN KEY (`stream_id`) REFERENCES `streams`(`id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE TABLE `streams` (
	`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`client_id` text NOT NULL,
	`kind` text NOT NULL,
	`last_seq` integer DEFAULT 0 NOT NULL,
	`pruned_seq` integer DEFAULT 0 NOT NULL,
	`created_at` integer NOT NULL,
	`touched_at` integer NOT NULL,
	`finished_at` integer,
	FOREIGN KEY (`client_id`) REFERENCES `clients`(`id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE INDEX `streams_client` ON `streams` (`client_id`);--> statement-breakpoint
CREATE INDEX `streams_touched` ON `streams` (`touched_at`);--> statement-breakpoint
CREATE TABLE `subscriptions` (
	`client_id` text NOT NULL,
	`uri` text NOT NULL,
	PRIMARY KEY(`client_id`, `uri`),
	FOREIGN KEY (`client_id`) REFERENCES `clients`(`id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE INDEX `subscriptions_uri` ON `subscriptions` (`uri`);--> statement-breakpoint
DROP INDEX `clients_session`;--> statement-breakpoint
ALTER TABLE `clients` ADD `epoch` integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE `clients` ADD `present_until` integer DEFAULT 0 NOT NULL;--> statement-breakpoint
CREATE INDEX `clients_session` ON `clients` (`session_id`,`present_until`);