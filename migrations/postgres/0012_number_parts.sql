-- The second index has more of numbers and signs (src/search/parts.ts). The program fills it anew, the newest messages first.
TRUNCATE message_parts;
