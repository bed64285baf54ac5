CREATE TABLE `api_keys` (
	`id` text PRIMARY KEY NOT NULL,
	`hash` blob NOT NULL,
	`principal` text NOT NULL,
	`scope` text NOT NULL,
	`created_at` integer NOT NULL,
	`last_used_at` integer,
	`expires_at` integer,
	`revoked_at` integer
);
