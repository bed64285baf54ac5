-- Stores an entry of a session's state: its version, and what was there before. The other keys are counted if this one is new.
-- An expired entry is none. A function, so that one statement stores the entries of several callers.
CREATE FUNCTION put_state(of_session text, of_key text, given text, at bigint, until bigint,
  OUT version bigint, OUT before bigint, OUT bytes bigint, OUT others bigint)
LANGUAGE plpgsql AS $$
BEGIN
  SELECT s.version, octet_length(s.value) INTO before, bytes FROM session_state s
    WHERE s.session_id = of_session AND s.key = of_key AND (s.expires_at IS NULL OR s.expires_at > at);
  IF before IS NULL THEN
    SELECT count(*) INTO others FROM session_state s
      WHERE s.session_id = of_session AND (s.expires_at IS NULL OR s.expires_at > at);
  END IF;
  version := coalesce(before, 0) + 1;
  INSERT INTO session_state (session_id, key, value, version, updated_at, expires_at)
    VALUES (of_session, of_key, given, put_state.version, at, until)
    ON CONFLICT (session_id, key) DO UPDATE SET value = excluded.value, version = excluded.version,
      updated_at = excluded.updated_at, expires_at = excluded.expires_at;
END $$;
--> statement-breakpoint
-- As before, in the language whose plans are kept.
CREATE OR REPLACE FUNCTION add_usage(principal text, history bigint, state bigint, stored bigint, program bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  IF principal IS NOT NULL AND (history, state, stored, program) <> (0, 0, 0, 0) THEN
    INSERT INTO usage (owner, shard, history_bytes, state_bytes, stored_bytes, program_bytes)
    VALUES (principal, pg_backend_pid() % 16, history, state, stored, program)
    ON CONFLICT (owner, shard) DO UPDATE SET history_bytes = usage.history_bytes + excluded.history_bytes,
      state_bytes = usage.state_bytes + excluded.state_bytes, stored_bytes = usage.stored_bytes + excluded.stored_bytes,
      program_bytes = usage.program_bytes + excluded.program_bytes;
  END IF;
END $$;
