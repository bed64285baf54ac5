-- The program indexes the messages of a session that changes hands, in batches: one statement would hold up everybody.
DROP TRIGGER IF EXISTS `messages_fts_owner`;
