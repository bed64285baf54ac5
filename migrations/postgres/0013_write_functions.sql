-- What each write does first, in one statement of its own: the look is behind the lock, and sees what others have stored until
-- then.

-- Locks a session against other writes; whose it is, and what it allows another principal. No row where there is no session.
CREATE FUNCTION lock_session(of_session text, for_principal text, OUT owner text, OUT last_active_at bigint, OUT access text)
RETURNS SETOF record LANGUAGE plpgsql AS $$
BEGIN
  SELECT s.owner, s.last_active_at INTO owner, last_active_at FROM sessions s WHERE s.id = of_session FOR NO KEY UPDATE;
  IF FOUND THEN
    IF owner <> for_principal THEN
      SELECT g.access INTO access FROM grants g WHERE g.session_id = of_session AND g.principal = for_principal;
    END IF;
    RETURN NEXT;
  END IF;
END $$;
--> statement-breakpoint
-- Waits for the subscriptions to what is of these owners that are under way, and holds off later ones until the end of the
-- transaction; whether one is to a uri, or below one.
CREATE FUNCTION has_subscription(of_owners text[], uris text[], from_uri text, to_uri text)
RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
  -- In one order, so that nobody waits for each other.
  PERFORM pg_advisory_xact_lock_shared(key) FROM (
    SELECT DISTINCT hashtextextended('subscriptions to what is of ' || of_owner, 0) AS key FROM unnest(of_owners) AS of_owner
    ORDER BY key) keys;
  RETURN EXISTS (SELECT 1 FROM subscriptions s WHERE s.uri = ANY (uris) OR (s.uri >= from_uri AND s.uri < to_uri));
END $$;
