-- A new full-text index: word forms, and scripts without spaces. It holds no text, and no copy of the table's, so the
-- program itself fills it (src/storage/sqlite/search-index.ts has the functions) and a deleted message only needs its id.
DROP TRIGGER `messages_fts_insert`;
--> statement-breakpoint
DROP TRIGGER `messages_fts_delete`;
--> statement-breakpoint
DROP TRIGGER `messages_fts_update`;
--> statement-breakpoint
DROP TABLE `messages_fts`;
--> statement-breakpoint
CREATE VIRTUAL TABLE `messages_fts` USING fts5(content, scope, content='', contentless_delete=1, tokenize="porter unicode61 remove_diacritics 2 categories 'L* M* N* Co Cn'");
--> statement-breakpoint
INSERT INTO messages_fts(rowid, content, scope)
SELECT m.id, search_text(m.content), search_scope(m.session_id, s.owner)
FROM messages m JOIN sessions s ON s.id = m.session_id ORDER BY m.id;
--> statement-breakpoint
CREATE TRIGGER `messages_fts_delete` AFTER DELETE ON `messages` BEGIN
  DELETE FROM messages_fts WHERE rowid = old.id;
END;
--> statement-breakpoint
-- What somebody changes by hand is no longer found as it was; `holdfast doctor --fix` indexes it anew.
CREATE TRIGGER `messages_fts_update` AFTER UPDATE OF content ON `messages` BEGIN
  DELETE FROM messages_fts WHERE rowid = old.id;
END;
--> statement-breakpoint
CREATE TRIGGER `messages_fts_owner` AFTER UPDATE OF owner ON `sessions` WHEN new.owner <> old.owner BEGIN
  DELETE FROM messages_fts WHERE rowid IN (SELECT id FROM messages WHERE session_id = new.id);
END;
