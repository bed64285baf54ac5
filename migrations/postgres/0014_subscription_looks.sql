-- As before, but each look takes the next uri in the index: PostgreSQL expects many rows below an unknown uri, and read the whole
-- table for the first of them.
CREATE OR REPLACE FUNCTION has_subscription(of_owners text[], uris text[], from_uri text, to_uri text)
RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
  -- In one order, so that nobody waits for each other.
  PERFORM pg_advisory_xact_lock_shared(key) FROM (
    SELECT DISTINCT hashtextextended('subscriptions to what is of ' || of_owner, 0) AS key FROM unnest(of_owners) AS of_owner
    ORDER BY key) keys;
  RETURN EXISTS (SELECT 1 FROM unnest(uris) AS one (uri)
      WHERE one.uri = (SELECT s.uri FROM subscriptions s WHERE s.uri >= one.uri ORDER BY s.uri LIMIT 1))
    OR coalesce((SELECT s.uri FROM subscriptions s WHERE s.uri >= from_uri ORDER BY s.uri LIMIT 1) < to_uri, false);
END $$;
