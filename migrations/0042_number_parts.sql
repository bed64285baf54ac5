-- The second index has more of numbers and signs (src/search/parts.ts). The program fills it anew, the newest messages first.
INSERT INTO messages_fts_parts(messages_fts_parts) VALUES ('delete-all');
