-- A deletion no longer merges segments of the index, however many: the program does, in small steps.
INSERT INTO messages_fts(messages_fts, rank) VALUES ('deletemerge', 0);
