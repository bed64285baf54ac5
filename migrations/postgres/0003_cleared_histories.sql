ALTER TABLE "history_gaps" ADD COLUMN "cleared_seq" bigint DEFAULT 0 NOT NULL;--> statement-breakpoint
CREATE INDEX "history_gaps_cleared" ON "history_gaps" USING btree ("session_id") WHERE cleared_seq > 0;--> statement-breakpoint
-- The rows of a cleared history are invisible while they go.
CREATE OR REPLACE VIEW session_overview AS
SELECT
  s.id AS session,
  s.owner,
  s.name,
  s.title,
  (SELECT count(*) FROM messages m WHERE m.session_id = s.id
    AND m.seq > coalesce((SELECT g.cleared_seq FROM history_gaps g WHERE g.session_id = s.id), 0)) AS messages,
  (SELECT count(*) FROM session_state v WHERE v.session_id = s.id) AS state_keys,
  (SELECT string_agg(DISTINCT c.name, ',') FROM clients c WHERE c.session_id = s.id) AS clients,
  CASE WHEN s.pinned THEN 'yes' ELSE '' END AS pinned,
  readable(s.created_at) AS created,
  readable(s.last_active_at) AS last_active
FROM sessions s
ORDER BY s.last_active_at DESC;
--> statement-breakpoint
CREATE OR REPLACE VIEW conversation AS
SELECT m.session_id AS session, m.seq, readable(m.created_at) AS time, m.role, m.content, m.status, m.model, m.author
FROM messages m
WHERE m.seq > coalesce((SELECT g.cleared_seq FROM history_gaps g WHERE g.session_id = m.session_id), 0)
ORDER BY m.session_id, m.seq;
