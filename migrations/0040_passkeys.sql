CREATE TABLE `passkey_challenges` (
	`hash` blob PRIMARY KEY NOT NULL,
	`principal` text,
	`expires_at` integer NOT NULL
);
--> statement-breakpoint
CREATE INDEX `passkey_challenges_expiry` ON `passkey_challenges` (`expires_at`);--> statement-breakpoint
CREATE TABLE `passkeys` (
	`id` text PRIMARY KEY NOT NULL,
	`credential_id` text NOT NULL,
	`public_key` blob NOT NULL,
	`counter` integer NOT NULL,
	`transports` text NOT NULL,
	`principal` text NOT NULL,
	`scope` text NOT NULL,
	`key_id` text,
	`label` text NOT NULL,
	`created_at` integer NOT NULL,
	`last_used_at` integer
);
--> statement-breakpoint
CREATE UNIQUE INDEX `passkeys_credential` ON `passkeys` (`credential_id`);--> statement-breakpoint
CREATE INDEX `passkeys_principal` ON `passkeys` (`principal`,`created_at`);--> statement-breakpoint
ALTER TABLE `browser_sessions` ADD `passkey_id` text REFERENCES passkeys(id) ON DELETE cascade;--> statement-breakpoint
CREATE INDEX `browser_sessions_passkey` ON `browser_sessions` (`passkey_id`);--> statement-breakpoint
ALTER TABLE `oauth_grants` ADD `passkey_id` text REFERENCES passkeys(id) ON DELETE cascade;--> statement-breakpoint
CREATE INDEX `oauth_grants_passkey` ON `oauth_grants` (`passkey_id`);