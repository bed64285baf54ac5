ALTER TABLE `messages` ADD `author` text;
--> statement-breakpoint
DROP VIEW `conversation`;
--> statement-breakpoint
CREATE VIEW `conversation` AS
SELECT
  m.session_id AS session,
  m.seq,
  strftime('%Y-%m-%d %H:%M:%S', m.created_at / 1000, 'unixepoch') AS time,
  m.role,
  m.content,
  m.status,
  m.model,
  m.author
FROM messages m
ORDER BY m.session_id, m.seq;
