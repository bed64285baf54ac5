CREATE TABLE `retention` (
	`id` integer PRIMARY KEY NOT NULL,
	`max_age_ms` integer
);
