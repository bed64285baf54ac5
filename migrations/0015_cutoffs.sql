CREATE TABLE `cutoffs` (
	`kind` text PRIMARY KEY NOT NULL,
	`max_age_ms` integer,
	`seen_at` integer NOT NULL,
	`announced_cutoff` integer,
	`announced_at` integer,
	`due_at` integer
);
