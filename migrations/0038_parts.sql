-- What is found inside of words and beside them (src/search/parts.ts). The program fills this index behind the messages, the newest
-- first (src/storage/sqlite/search/parts-index.ts); until it has come to a message, that is found by its words.
CREATE VIRTUAL TABLE `messages_fts_parts` USING fts5(tokens, content='', contentless_delete=1, detail=none, tokenize="unicode61 remove_diacritics 0 categories 'L* M* N* Co Cn S* P*'");
--> statement-breakpoint
INSERT INTO messages_fts_parts(messages_fts_parts, rank) VALUES ('deletemerge', 0);
--> statement-breakpoint
DROP TRIGGER `messages_fts_delete`;
--> statement-breakpoint
DROP TRIGGER IF EXISTS `messages_fts_update`;
--> statement-breakpoint
CREATE TRIGGER `messages_fts_delete` AFTER DELETE ON `messages` BEGIN
  DELETE FROM messages_fts WHERE rowid = old.id;
  DELETE FROM messages_fts_parts WHERE rowid = old.id;
END;
--> statement-breakpoint
CREATE TRIGGER `messages_fts_update` AFTER UPDATE OF content ON `messages` BEGIN
  DELETE FROM messages_fts WHERE rowid = old.id;
  DELETE FROM messages_fts_parts WHERE rowid = old.id;
END;
