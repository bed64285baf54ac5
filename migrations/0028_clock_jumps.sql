CREATE TABLE `clock_jumps` (
	`asleep` integer PRIMARY KEY NOT NULL,
	`ms` integer NOT NULL,
	`at` integer NOT NULL
);
