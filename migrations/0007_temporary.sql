ALTER TABLE `sessions` ADD `keep_ms` integer;--> statement-breakpoint
ALTER TABLE `sessions` ADD `opened_by` text;--> statement-breakpoint
CREATE INDEX `sessions_temporary` ON `sessions` (last_active_at + keep_ms) WHERE keep_ms is not null;--> statement-breakpoint
CREATE INDEX `sessions_opened_by` ON `sessions` (`opened_by`) WHERE opened_by is not null;