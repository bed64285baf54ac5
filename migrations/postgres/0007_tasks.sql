CREATE TABLE "task_steps" (
	"task_id" text collate "C" NOT NULL,
	"name" text collate "C" NOT NULL,
	"kind" text collate "C" NOT NULL,
	"seq" bigint NOT NULL,
	"request" text collate "C",
	"result" text collate "C",
	"failures" bigint DEFAULT 0 NOT NULL,
	"at" bigint NOT NULL,
	CONSTRAINT "task_steps_task_id_name_pk" PRIMARY KEY("task_id","name")
);
--> statement-breakpoint
CREATE TABLE "tasks" (
	"id" text collate "C" PRIMARY KEY NOT NULL,
	"owner" text collate "C" NOT NULL,
	"session_id" text collate "C",
	"tool" text collate "C" NOT NULL,
	"arguments" text collate "C" NOT NULL,
	"origin" text collate "C" NOT NULL,
	"status" text collate "C" NOT NULL,
	"status_message" text collate "C",
	"progress" double precision,
	"progress_total" double precision,
	"result" text collate "C",
	"error" text collate "C",
	"checkpoint" text collate "C",
	"revision" bigint DEFAULT 1 NOT NULL,
	"attempt" bigint DEFAULT 0 NOT NULL,
	"instance_id" text collate "C",
	"caller_instance" text collate "C",
	"wake_at" bigint,
	"cancel_requested" boolean DEFAULT false NOT NULL,
	"created_at" bigint NOT NULL,
	"updated_at" bigint NOT NULL,
	"expires_at" bigint,
	"finished_at" bigint
);
--> statement-breakpoint
ALTER TABLE "task_steps" ADD CONSTRAINT "task_steps_task_id_tasks_id_fk" FOREIGN KEY ("task_id") REFERENCES "public"."tasks"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "tasks" ADD CONSTRAINT "tasks_session_id_sessions_id_fk" FOREIGN KEY ("session_id") REFERENCES "public"."sessions"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "tasks_owner" ON "tasks" USING btree ("owner","created_at","id");--> statement-breakpoint
CREATE INDEX "tasks_created" ON "tasks" USING btree ("created_at","id");--> statement-breakpoint
CREATE INDEX "tasks_session" ON "tasks" USING btree ("session_id");--> statement-breakpoint
CREATE INDEX "tasks_open" ON "tasks" USING btree ("owner") WHERE finished_at is null;--> statement-breakpoint
CREATE INDEX "tasks_due" ON "tasks" USING btree ("wake_at") WHERE wake_at is not null;--> statement-breakpoint
CREATE INDEX "tasks_running" ON "tasks" USING btree ("instance_id") WHERE instance_id is not null;--> statement-breakpoint
CREATE INDEX "tasks_expiry" ON "tasks" USING btree ("expires_at") WHERE expires_at is not null;--> statement-breakpoint
-- Tasks and their steps are on their owner's account.
CREATE FUNCTION stored_bytes(tasks) RETURNS bigint LANGUAGE sql IMMUTABLE STRICT AS $$
  SELECT (800 + octet_length($1.arguments) + octet_length($1.origin) + coalesce(octet_length($1.status_message), 0)
    + coalesce(octet_length($1.checkpoint), 0) + coalesce(octet_length($1.result), 0) + coalesce(octet_length($1.error), 0))::bigint $$;
--> statement-breakpoint
CREATE FUNCTION stored_bytes(task_steps) RETURNS bigint LANGUAGE sql IMMUTABLE STRICT AS $$
  SELECT (200 + 2 * octet_length($1.name) + coalesce(octet_length($1.request), 0) + coalesce(octet_length($1.result), 0))::bigint $$;
--> statement-breakpoint
CREATE OR REPLACE VIEW usage_measured AS
SELECT owner, sum(history)::bigint AS history_bytes, sum(state)::bigint AS state_bytes, sum(bytes)::bigint AS stored_bytes,
  coalesce(sum(bytes) FILTER (WHERE of_programs), 0)::bigint AS program_bytes
FROM (
  SELECT owner, 0 AS history, 0 AS state, stored_bytes(sessions) AS bytes, false AS of_programs FROM sessions
  UNION ALL
  SELECT owner, octet_length(messages.content), 0, stored_bytes(messages), false FROM messages JOIN sessions ON sessions.id = session_id
  UNION ALL
  SELECT owner, 0, octet_length(session_state.value), stored_bytes(session_state), false FROM session_state JOIN sessions ON sessions.id = session_id
  UNION ALL
  SELECT owner, 0, 0, stored_bytes(summaries), false FROM summaries JOIN sessions ON sessions.id = session_id
  UNION ALL
  SELECT owner, 0, 0, stored_bytes(grants), false FROM grants JOIN sessions ON sessions.id = session_id
  UNION ALL
  SELECT owner, 0, 0, stored_bytes(share_offers), false FROM share_offers JOIN sessions ON sessions.id = session_id
  UNION ALL
  SELECT owner, 0, 0, stored_bytes(keyed_calls), false FROM keyed_calls
  UNION ALL
  SELECT owner, 0, 0, stored_bytes(keyed_call_changes), false FROM keyed_call_changes JOIN keyed_calls ON keyed_calls.id = call_id
  UNION ALL
  SELECT owner, 0, 0, stored_bytes(tasks), false FROM tasks
  UNION ALL
  SELECT owner, 0, 0, stored_bytes(task_steps), false FROM task_steps JOIN tasks ON tasks.id = task_id
  UNION ALL
  SELECT owner, 0, 0, stored_bytes(clients), true FROM clients
  UNION ALL
  SELECT owner, 0, 0, stored_bytes(subscriptions), true FROM subscriptions JOIN clients ON clients.id = client_id
  UNION ALL
  SELECT owner, 0, 0, stored_bytes(outbox), true FROM outbox JOIN clients ON clients.id = client_id
  UNION ALL
  SELECT owner, 0, 0, stored_bytes(streams), true FROM streams JOIN clients ON clients.id = client_id
  UNION ALL
  SELECT owner, 0, 0, stored_bytes(stream_events), true FROM stream_events JOIN streams ON streams.id = stream_id JOIN clients ON clients.id = client_id
  UNION ALL
  SELECT owner, 0, 0, stored_bytes(open_requests), true FROM open_requests JOIN clients ON clients.id = client_id
) AS rows_of_owners
GROUP BY owner;
--> statement-breakpoint
CREATE FUNCTION account_of_task() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM add_usage((SELECT owner FROM tasks WHERE id = coalesce(NEW.task_id, OLD.task_id)), 0, 0,
    coalesce(stored_bytes(NEW), 0) - coalesce(stored_bytes(OLD), 0), 0);
  RETURN NULL;
END $$;
--> statement-breakpoint
CREATE TRIGGER tasks_usage AFTER INSERT OR DELETE OR UPDATE OF status_message, checkpoint, result, error ON tasks FOR EACH ROW EXECUTE FUNCTION account_of_owner();
--> statement-breakpoint
CREATE TRIGGER task_steps_usage AFTER INSERT OR DELETE OR UPDATE OF request, result ON task_steps FOR EACH ROW EXECUTE FUNCTION account_of_task();
--> statement-breakpoint
-- What has ended may quote the session; what runs goes on.
CREATE OR REPLACE FUNCTION forget_session(session text) RETURNS void LANGUAGE sql AS $$
  UPDATE stream_events SET data = deleted_event(stream_events.data) FROM session_events
    WHERE session_events.session_id = session AND stream_events.stream_id = session_events.stream_id AND stream_events.seq = session_events.seq;
  DELETE FROM keyed_call_changes WHERE call_id IN (SELECT id FROM session_calls WHERE session_id = session);
  DELETE FROM keyed_calls WHERE id IN (SELECT id FROM session_calls WHERE session_id = session AND outcome IS NOT NULL);
  DELETE FROM outbox WHERE session_id = session;
  DELETE FROM tasks WHERE session_id = session AND finished_at IS NOT NULL;
$$;
--> statement-breakpoint
CREATE OR REPLACE FUNCTION delete_owned() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_TABLE_NAME = 'sessions' THEN
    PERFORM forget_session(OLD.id);
    DELETE FROM keyed_calls WHERE owner = OLD.owner AND (scope = OLD.id OR (scope = '' AND new_session_id = OLD.id));
    DELETE FROM messages WHERE session_id = OLD.id;
    DELETE FROM session_state WHERE session_id = OLD.id;
    DELETE FROM summaries WHERE session_id = OLD.id;
    DELETE FROM grants WHERE session_id = OLD.id;
    DELETE FROM share_offers WHERE session_id = OLD.id;
    DELETE FROM tasks WHERE session_id = OLD.id;
  ELSIF TG_TABLE_NAME = 'clients' THEN
    DELETE FROM subscriptions WHERE client_id = OLD.id;
    DELETE FROM outbox WHERE client_id = OLD.id;
    DELETE FROM streams WHERE client_id = OLD.id;
  ELSIF TG_TABLE_NAME = 'streams' THEN
    DELETE FROM open_requests WHERE stream_id = OLD.id;
    DELETE FROM stream_events WHERE stream_id = OLD.id;
  ELSIF TG_TABLE_NAME = 'tasks' THEN
    DELETE FROM task_steps WHERE task_id = OLD.id;
  ELSE
    DELETE FROM keyed_call_changes WHERE call_id = OLD.id;
  END IF;
  RETURN OLD;
END $$;
--> statement-breakpoint
CREATE TRIGGER tasks_owned BEFORE DELETE ON tasks FOR EACH ROW EXECUTE FUNCTION delete_owned();
--> statement-breakpoint
CREATE VIEW task_overview AS
SELECT t.id AS task, t.owner, t.tool, t.status, t.status_message, t.session_id AS session, t.progress, t.progress_total, t.attempt,
  readable(t.created_at) AS created, readable(t.updated_at) AS updated, readable(t.wake_at) AS wakes, readable(t.expires_at) AS expires
FROM tasks t ORDER BY t.created_at DESC;
