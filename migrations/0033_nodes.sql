CREATE TABLE `leases` (
	`name` text PRIMARY KEY NOT NULL,
	`instance_id` text NOT NULL,
	FOREIGN KEY (`instance_id`) REFERENCES `instances`(`id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
ALTER TABLE `instances` ADD `serves` integer DEFAULT false NOT NULL;--> statement-breakpoint
CREATE INDEX `keyed_calls_running` ON `keyed_calls` (`instance_id`) WHERE outcome is null;