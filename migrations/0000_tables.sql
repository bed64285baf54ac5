CREATE TABLE `clients` (
	`id` text PRIMARY KEY NOT NULL,
	`owner` text NOT NULL,
	`session_id` text,
	`name` text NOT NULL,
	`version` text NOT NULL,
	`protocol_version` text NOT NULL,
	`capabilities` text NOT NULL,
	`initialize` text NOT NULL,
	`log_level` text,
	`created_at` integer NOT NULL,
	`last_seen_at` integer NOT NULL,
	`ended_at` integer,
	FOREIGN KEY (`session_id`) REFERENCES `sessions`(`id`) ON UPDATE no action ON DELETE set null
);
--> statement-breakpoint
CREATE INDEX `clients_session` ON `clients` (`session_id`,`last_seen_at`);--> statement-breakpoint
CREATE INDEX `clients_seen` ON `clients` (`last_seen_at`);--> statement-breakpoint
CREATE INDEX `clients_ended` ON `clients` (`ended_at`) WHERE ended_at is not null;--> statement-breakpoint
CREATE TABLE `instances` (
	`id` text PRIMARY KEY NOT NULL,
	`host` text NOT NULL,
	`pid` integer NOT NULL,
	`started_at` integer NOT NULL,
	`heartbeat_at` integer NOT NULL
);
--> statement-breakpoint
CREATE TABLE `messages` (
	`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`session_id` text NOT NULL,
	`seq` integer NOT NULL,
	`role` text NOT NULL,
	`content` text NOT NULL,
	`status` text NOT NULL,
	`model` text,
	`input_tokens` integer,
	`output_tokens` integer,
	`request_key` text,
	`created_at` integer NOT NULL,
	FOREIGN KEY (`session_id`) REFERENCES `sessions`(`id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE UNIQUE INDEX `messages_session_seq` ON `messages` (`session_id`,`seq`);--> statement-breakpoint
CREATE UNIQUE INDEX `messages_request_key` ON `messages` (`session_id`,`request_key`,`role`) WHERE request_key is not null;--> statement-breakpoint
CREATE TABLE `session_state` (
	`session_id` text NOT NULL,
	`key` text NOT NULL,
	`value` text NOT NULL,
	`version` integer NOT NULL,
	`updated_at` integer NOT NULL,
	`expires_at` integer,
	PRIMARY KEY(`session_id`, `key`),
	FOREIGN KEY (`session_id`) REFERENCES `sessions`(`id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE INDEX `session_state_expiry` ON `session_state` (`expires_at`) WHERE expires_at is not null;--> statement-breakpoint
CREATE TABLE `sessions` (
	`id` text PRIMARY KEY NOT NULL,
	`owner` text NOT NULL,
	`name` text,
	`title` text,
	`system` text,
	`pinned` integer DEFAULT false NOT NULL,
	`created_at` integer NOT NULL,
	`last_active_at` integer NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `sessions_owner_name` ON `sessions` (`owner`,`name`);--> statement-breakpoint
CREATE INDEX `sessions_owner_activity` ON `sessions` (`owner`,`last_active_at`,`id`);--> statement-breakpoint
CREATE INDEX `sessions_activity` ON `sessions` (`last_active_at`);--> statement-breakpoint
CREATE TABLE `turns` (
	`session_id` text PRIMARY KEY NOT NULL,
	`message_id` integer NOT NULL,
	`instance_id` text NOT NULL,
	`started_at` integer NOT NULL,
	FOREIGN KEY (`session_id`) REFERENCES `sessions`(`id`) ON UPDATE no action ON DELETE cascade,
	FOREIGN KEY (`message_id`) REFERENCES `messages`(`id`) ON UPDATE no action ON DELETE cascade,
	FOREIGN KEY (`instance_id`) REFERENCES `instances`(`id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE INDEX `turns_message` ON `turns` (`message_id`);--> statement-breakpoint
CREATE INDEX `turns_instance` ON `turns` (`instance_id`);