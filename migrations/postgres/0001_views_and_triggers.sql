-- Bytes of one row, with keys and indexes: the accounts and the view that measures them count alike.
CREATE FUNCTION stored_bytes(sessions) RETURNS bigint LANGUAGE sql IMMUTABLE STRICT AS $$
  SELECT 400 + 2 * coalesce(octet_length($1.name), 0) + coalesce(octet_length($1.title), 0) + coalesce(octet_length($1.system), 0) $$;
--> statement-breakpoint
CREATE FUNCTION stored_bytes(messages) RETURNS bigint LANGUAGE sql IMMUTABLE STRICT AS $$
  SELECT (200 + 2 * octet_length($1.content))::bigint $$;
--> statement-breakpoint
CREATE FUNCTION stored_bytes(session_state) RETURNS bigint LANGUAGE sql IMMUTABLE STRICT AS $$
  SELECT (200 + 2 * octet_length($1.key) + octet_length($1.value))::bigint $$;
--> statement-breakpoint
CREATE FUNCTION stored_bytes(summaries) RETURNS bigint LANGUAGE sql IMMUTABLE STRICT AS $$
  SELECT (100 + octet_length($1.content))::bigint $$;
--> statement-breakpoint
CREATE FUNCTION stored_bytes(grants) RETURNS bigint LANGUAGE sql IMMUTABLE STRICT AS $$
  SELECT (300 + 2 * octet_length($1.principal))::bigint $$;
--> statement-breakpoint
CREATE FUNCTION stored_bytes(share_offers) RETURNS bigint LANGUAGE sql IMMUTABLE STRICT AS $$
  SELECT (300 + 2 * octet_length($1.principal))::bigint $$;
--> statement-breakpoint
CREATE FUNCTION stored_bytes(keyed_calls) RETURNS bigint LANGUAGE sql IMMUTABLE STRICT AS $$
  SELECT (400 + 2 * (octet_length($1.owner) + octet_length($1.scope) + octet_length($1.key)) + coalesce(octet_length($1.outcome), 0))::bigint $$;
--> statement-breakpoint
CREATE FUNCTION stored_bytes(keyed_call_changes) RETURNS bigint LANGUAGE sql IMMUTABLE STRICT AS $$
  SELECT (100 + octet_length($1.what) + coalesce(octet_length($1.result), 0))::bigint $$;
--> statement-breakpoint
CREATE FUNCTION stored_bytes(clients) RETURNS bigint LANGUAGE sql IMMUTABLE STRICT AS $$
  SELECT (800 + octet_length($1.initialize) + octet_length($1.capabilities) + octet_length($1.name) + octet_length($1.version))::bigint $$;
--> statement-breakpoint
CREATE FUNCTION stored_bytes(subscriptions) RETURNS bigint LANGUAGE sql IMMUTABLE STRICT AS $$
  SELECT (300 + 3 * octet_length($1.uri) + coalesce(octet_length($1.asked), 0))::bigint $$;
--> statement-breakpoint
CREATE FUNCTION stored_bytes(outbox) RETURNS bigint LANGUAGE sql IMMUTABLE STRICT AS $$
  SELECT (100 + octet_length($1.data))::bigint $$;
--> statement-breakpoint
CREATE FUNCTION stored_bytes(streams) RETURNS bigint LANGUAGE sql IMMUTABLE STRICT AS $$
  SELECT (200)::bigint $$;
--> statement-breakpoint
CREATE FUNCTION stored_bytes(stream_events) RETURNS bigint LANGUAGE sql IMMUTABLE STRICT AS $$
  SELECT (50 + octet_length($1.data))::bigint $$;
--> statement-breakpoint
CREATE FUNCTION stored_bytes(open_requests) RETURNS bigint LANGUAGE sql IMMUTABLE STRICT AS $$
  SELECT (400 + octet_length($1.message))::bigint $$;
--> statement-breakpoint
-- What the accounts should say, for those who want to check.
CREATE VIEW usage_measured AS
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
-- Connections write to different shards of an account, so that they do not wait for each other.
CREATE FUNCTION add_usage(principal text, history bigint, state bigint, stored bigint, program bigint) RETURNS void LANGUAGE sql AS $$
  INSERT INTO usage (owner, shard, history_bytes, state_bytes, stored_bytes, program_bytes)
  SELECT principal, pg_backend_pid() % 16, history, state, stored, program
  WHERE principal IS NOT NULL AND (history, state, stored, program) <> (0, 0, 0, 0)
  ON CONFLICT (owner, shard) DO UPDATE SET history_bytes = usage.history_bytes + excluded.history_bytes,
    state_bytes = usage.state_bytes + excluded.state_bytes, stored_bytes = usage.stored_bytes + excluded.stored_bytes,
    program_bytes = usage.program_bytes + excluded.program_bytes $$;
--> statement-breakpoint
-- For rows of a session.
CREATE FUNCTION account_of_session() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  stored bigint := coalesce(stored_bytes(NEW), 0) - coalesce(stored_bytes(OLD), 0);
  history bigint := 0;
  state bigint := 0;
BEGIN
  IF TG_TABLE_NAME = 'messages' THEN
    history := coalesce(octet_length(NEW.content), 0) - coalesce(octet_length(OLD.content), 0);
  ELSIF TG_TABLE_NAME = 'session_state' THEN
    state := coalesce(octet_length(NEW.value), 0) - coalesce(octet_length(OLD.value), 0);
  END IF;
  PERFORM add_usage((SELECT owner FROM sessions WHERE id = coalesce(NEW.session_id, OLD.session_id)), history, state, stored, 0);
  RETURN NULL;
END $$;
--> statement-breakpoint
-- The same for all rows of a statement at once: each of many changes of one account in a transaction takes longer than the
-- one before it.
CREATE FUNCTION account_of_messages() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  sign integer := CASE TG_OP WHEN 'DELETE' THEN -1 ELSE 1 END;
BEGIN
  PERFORM add_usage(sessions.owner, sign * sums.history, 0, sign * sums.stored, 0)
  FROM (SELECT session_id, sum(octet_length(content))::bigint AS history, sum(stored_bytes(ROW(changed.*)::messages))::bigint AS stored
    FROM changed GROUP BY session_id) AS sums JOIN sessions ON sessions.id = session_id;
  RETURN NULL;
END $$;
--> statement-breakpoint
CREATE FUNCTION account_of_deleted_state() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM add_usage(sessions.owner, 0, -sums.state, -sums.stored, 0)
  FROM (SELECT session_id, sum(octet_length(value))::bigint AS state, sum(stored_bytes(ROW(changed.*)::session_state))::bigint AS stored
    FROM changed GROUP BY session_id) AS sums JOIN sessions ON sessions.id = session_id;
  RETURN NULL;
END $$;
--> statement-breakpoint
CREATE FUNCTION account_of_deleted_events() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM add_usage(clients.owner, 0, 0, -sums.stored, -sums.stored)
  FROM (SELECT stream_id, sum(stored_bytes(ROW(changed.*)::stream_events))::bigint AS stored FROM changed GROUP BY stream_id) AS sums
  JOIN streams ON streams.id = stream_id JOIN clients ON clients.id = streams.client_id;
  RETURN NULL;
END $$;
--> statement-breakpoint
-- For rows of a client.
CREATE FUNCTION account_of_client() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  stored bigint := coalesce(stored_bytes(NEW), 0) - coalesce(stored_bytes(OLD), 0);
BEGIN
  PERFORM add_usage((SELECT owner FROM clients WHERE id = coalesce(NEW.client_id, OLD.client_id)), 0, 0, stored, stored);
  RETURN NULL;
END $$;
--> statement-breakpoint
CREATE FUNCTION account_of_stream() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  stored bigint := coalesce(stored_bytes(NEW), 0) - coalesce(stored_bytes(OLD), 0);
BEGIN
  PERFORM add_usage((SELECT owner FROM streams JOIN clients ON clients.id = streams.client_id
    WHERE streams.id = coalesce(NEW.stream_id, OLD.stream_id)), 0, 0, stored, stored);
  RETURN NULL;
END $$;
--> statement-breakpoint
CREATE FUNCTION account_of_call() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM add_usage((SELECT owner FROM keyed_calls WHERE id = coalesce(NEW.call_id, OLD.call_id)), 0, 0,
    coalesce(stored_bytes(NEW), 0) - coalesce(stored_bytes(OLD), 0), 0);
  RETURN NULL;
END $$;
--> statement-breakpoint
-- For sessions, clients and keyed calls themselves, while their owner stays the same.
CREATE FUNCTION account_of_owner() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  stored bigint := coalesce(stored_bytes(NEW), 0) - coalesce(stored_bytes(OLD), 0);
BEGIN
  PERFORM add_usage(coalesce(NEW.owner, OLD.owner), 0, 0, stored, CASE TG_TABLE_NAME WHEN 'clients' THEN stored ELSE 0 END);
  RETURN NULL;
END $$;
--> statement-breakpoint
-- A session that is given to somebody else moves with all that it holds.
CREATE FUNCTION account_of_gift() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  history bigint;
  state bigint;
  stored bigint;
BEGIN
  SELECT coalesce(sum(octet_length(content)), 0), coalesce(sum(stored_bytes(messages)), 0) INTO history, stored
    FROM messages WHERE session_id = NEW.id;
  SELECT coalesce(sum(octet_length(value)), 0), stored + coalesce(sum(stored_bytes(session_state)), 0) INTO state, stored
    FROM session_state WHERE session_id = NEW.id;
  stored := stored + coalesce((SELECT sum(stored_bytes(summaries)) FROM summaries WHERE session_id = NEW.id), 0)
    + coalesce((SELECT sum(stored_bytes(grants)) FROM grants WHERE session_id = NEW.id), 0)
    + coalesce((SELECT sum(stored_bytes(share_offers)) FROM share_offers WHERE session_id = NEW.id), 0);
  PERFORM add_usage(OLD.owner, -history, -state, -stored - stored_bytes(OLD), 0);
  PERFORM add_usage(NEW.owner, history, state, stored + stored_bytes(NEW), 0);
  RETURN NULL;
END $$;
--> statement-breakpoint
CREATE TRIGGER sessions_usage AFTER INSERT OR DELETE ON sessions FOR EACH ROW EXECUTE FUNCTION account_of_owner();
--> statement-breakpoint
CREATE TRIGGER sessions_usage_update AFTER UPDATE OF name, title, system ON sessions FOR EACH ROW WHEN (NEW.owner = OLD.owner) EXECUTE FUNCTION account_of_owner();
--> statement-breakpoint
CREATE TRIGGER sessions_usage_owner AFTER UPDATE OF owner ON sessions FOR EACH ROW WHEN (NEW.owner <> OLD.owner) EXECUTE FUNCTION account_of_gift();
--> statement-breakpoint
CREATE TRIGGER clients_usage AFTER INSERT OR DELETE OR UPDATE OF initialize, capabilities, name, version ON clients FOR EACH ROW EXECUTE FUNCTION account_of_owner();
--> statement-breakpoint
CREATE TRIGGER keyed_calls_usage AFTER INSERT OR DELETE OR UPDATE OF outcome ON keyed_calls FOR EACH ROW EXECUTE FUNCTION account_of_owner();
--> statement-breakpoint
CREATE TRIGGER messages_usage_insert AFTER INSERT ON messages REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION account_of_messages();
--> statement-breakpoint
CREATE TRIGGER messages_usage_delete AFTER DELETE ON messages REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION account_of_messages();
--> statement-breakpoint
CREATE TRIGGER messages_usage_update AFTER UPDATE OF content ON messages FOR EACH ROW EXECUTE FUNCTION account_of_session();
--> statement-breakpoint
CREATE TRIGGER session_state_usage AFTER INSERT OR UPDATE OF value ON session_state FOR EACH ROW EXECUTE FUNCTION account_of_session();
--> statement-breakpoint
CREATE TRIGGER session_state_usage_delete AFTER DELETE ON session_state REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION account_of_deleted_state();
--> statement-breakpoint
CREATE TRIGGER summaries_usage AFTER INSERT OR DELETE OR UPDATE OF content ON summaries FOR EACH ROW EXECUTE FUNCTION account_of_session();
--> statement-breakpoint
CREATE TRIGGER grants_usage AFTER INSERT OR DELETE ON grants FOR EACH ROW EXECUTE FUNCTION account_of_session();
--> statement-breakpoint
CREATE TRIGGER share_offers_usage AFTER INSERT OR DELETE ON share_offers FOR EACH ROW EXECUTE FUNCTION account_of_session();
--> statement-breakpoint
CREATE TRIGGER subscriptions_usage AFTER INSERT OR DELETE OR UPDATE OF asked ON subscriptions FOR EACH ROW EXECUTE FUNCTION account_of_client();
--> statement-breakpoint
CREATE TRIGGER outbox_usage AFTER INSERT OR DELETE ON outbox FOR EACH ROW EXECUTE FUNCTION account_of_client();
--> statement-breakpoint
CREATE TRIGGER streams_usage AFTER INSERT OR DELETE ON streams FOR EACH ROW EXECUTE FUNCTION account_of_client();
--> statement-breakpoint
CREATE TRIGGER open_requests_usage AFTER INSERT OR DELETE ON open_requests FOR EACH ROW EXECUTE FUNCTION account_of_client();
--> statement-breakpoint
CREATE TRIGGER stream_events_usage AFTER INSERT OR UPDATE OF data ON stream_events FOR EACH ROW EXECUTE FUNCTION account_of_stream();
--> statement-breakpoint
CREATE TRIGGER stream_events_usage_delete AFTER DELETE ON stream_events REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION account_of_deleted_events();
--> statement-breakpoint
CREATE TRIGGER keyed_call_changes_usage AFTER INSERT OR DELETE ON keyed_call_changes FOR EACH ROW EXECUTE FUNCTION account_of_call();
--> statement-breakpoint
-- The session that a keyed call's outcome speaks of; null for an outcome that is no JSON object.
CREATE FUNCTION outcome_session(outcome text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
  RETURN outcome::json ->> 'session';
EXCEPTION WHEN OTHERS THEN
  RETURN NULL;
END $$;
--> statement-breakpoint
CREATE INDEX keyed_calls_session ON keyed_calls (outcome_session(outcome)) WHERE outcome IS NOT NULL;
--> statement-breakpoint
-- An event whose session was deleted: an answer becomes one that says so, anything else is empty.
CREATE FUNCTION deleted_event(data text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
  IF data::json ->> 'method' IS NOT NULL THEN RETURN ''; END IF;
  RETURN '{"jsonrpc":"2.0","id":' || coalesce((data::json -> 'id')::text, 'null') || ',"result":{"isError":true,"content":[{"type":"text","text":'
    || '"What this call had answered was deleted or cleared before it was fetched."}],"_meta":{"holdfast/error":"not_found"}}}';
EXCEPTION WHEN OTHERS THEN
  RETURN '';
END $$;
--> statement-breakpoint
-- Events of streams that speak of a session.
CREATE VIEW session_events AS
SELECT stream_sessions.session_id, stream_events.stream_id, stream_events.seq, stream_events.data,
  streams.finished_at IS NOT NULL AND streams.undelivered IS NULL AS delivered
FROM stream_sessions
JOIN streams ON streams.id = stream_sessions.stream_id
JOIN stream_events ON stream_events.stream_id = streams.id
WHERE stream_events.data <> '' AND (streams.kind = 'request' OR strpos(stream_events.data, stream_sessions.session_id) > 0);
--> statement-breakpoint
-- Keyed calls by the sessions that they worked in, named or opened; not those of callers who only named another's.
CREATE VIEW session_calls AS
SELECT outcome_session(outcome) AS session_id, id, outcome FROM keyed_calls WHERE outcome IS NOT NULL
UNION ALL
SELECT sessions.id, calls.id, calls.outcome
FROM sessions JOIN keyed_calls calls ON calls.scope = sessions.id
WHERE calls.owner = sessions.owner
  OR EXISTS (SELECT 1 FROM grants WHERE grants.session_id = sessions.id AND grants.principal = calls.owner)
UNION ALL
SELECT sessions.id, calls.id, calls.outcome
FROM sessions JOIN keyed_calls calls ON calls.owner = sessions.owner AND calls.scope = ''
WHERE calls.new_session_id = sessions.id;
--> statement-breakpoint
-- Deletes all that a session leaves outside of itself.
CREATE FUNCTION forget_session(session text) RETURNS void LANGUAGE sql AS $$
  UPDATE stream_events SET data = deleted_event(stream_events.data) FROM session_events
    WHERE session_events.session_id = session AND stream_events.stream_id = session_events.stream_id AND stream_events.seq = session_events.seq;
  DELETE FROM keyed_call_changes WHERE call_id IN (SELECT id FROM session_calls WHERE session_id = session);
  DELETE FROM keyed_calls WHERE id IN (SELECT id FROM session_calls WHERE session_id = session AND outcome IS NOT NULL);
  DELETE FROM outbox WHERE session_id = session;
$$;
--> statement-breakpoint
-- Deletes what a row owns while the row is still there, so that the triggers of the accounts find whose it was.
CREATE FUNCTION delete_owned() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_TABLE_NAME = 'sessions' THEN
    PERFORM forget_session(OLD.id);
    DELETE FROM keyed_calls WHERE owner = OLD.owner AND (scope = OLD.id OR (scope = '' AND new_session_id = OLD.id));
    DELETE FROM messages WHERE session_id = OLD.id;
    DELETE FROM session_state WHERE session_id = OLD.id;
    DELETE FROM summaries WHERE session_id = OLD.id;
    DELETE FROM grants WHERE session_id = OLD.id;
    DELETE FROM share_offers WHERE session_id = OLD.id;
  ELSIF TG_TABLE_NAME = 'clients' THEN
    DELETE FROM subscriptions WHERE client_id = OLD.id;
    DELETE FROM outbox WHERE client_id = OLD.id;
    DELETE FROM streams WHERE client_id = OLD.id;
  ELSIF TG_TABLE_NAME = 'streams' THEN
    DELETE FROM open_requests WHERE stream_id = OLD.id;
    DELETE FROM stream_events WHERE stream_id = OLD.id;
  ELSE
    DELETE FROM keyed_call_changes WHERE call_id = OLD.id;
  END IF;
  RETURN OLD;
END $$;
--> statement-breakpoint
CREATE TRIGGER sessions_owned BEFORE DELETE ON sessions FOR EACH ROW EXECUTE FUNCTION delete_owned();
--> statement-breakpoint
CREATE TRIGGER clients_owned BEFORE DELETE ON clients FOR EACH ROW EXECUTE FUNCTION delete_owned();
--> statement-breakpoint
CREATE TRIGGER streams_owned BEFORE DELETE ON streams FOR EACH ROW EXECUTE FUNCTION delete_owned();
--> statement-breakpoint
CREATE TRIGGER keyed_calls_owned BEFORE DELETE ON keyed_calls FOR EACH ROW EXECUTE FUNCTION delete_owned();
--> statement-breakpoint
-- A time as people read it, in UTC.
CREATE FUNCTION readable(ms bigint) RETURNS text LANGUAGE sql STABLE AS $$
  SELECT to_char(to_timestamp(ms / 1000) AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS') $$;
--> statement-breakpoint
CREATE VIEW session_overview AS
SELECT
  s.id AS session,
  s.owner,
  s.name,
  s.title,
  (SELECT count(*) FROM messages m WHERE m.session_id = s.id) AS messages,
  (SELECT count(*) FROM session_state v WHERE v.session_id = s.id) AS state_keys,
  (SELECT string_agg(DISTINCT c.name, ',') FROM clients c WHERE c.session_id = s.id) AS clients,
  CASE WHEN s.pinned THEN 'yes' ELSE '' END AS pinned,
  readable(s.created_at) AS created,
  readable(s.last_active_at) AS last_active
FROM sessions s
ORDER BY s.last_active_at DESC;
--> statement-breakpoint
CREATE VIEW conversation AS
SELECT m.session_id AS session, m.seq, readable(m.created_at) AS time, m.role, m.content, m.status, m.model, m.author
FROM messages m
ORDER BY m.session_id, m.seq;
--> statement-breakpoint
CREATE VIEW state_overview AS
SELECT v.session_id AS session, s.name, v.key, v.value, v.version, readable(v.updated_at) AS updated, readable(v.expires_at) AS expires
FROM session_state v
JOIN sessions s ON s.id = v.session_id
ORDER BY v.session_id, v.key;
--> statement-breakpoint
CREATE VIEW audit_overview AS
SELECT readable(at) AS time, principal, action, subject, detail FROM audit ORDER BY id DESC;
