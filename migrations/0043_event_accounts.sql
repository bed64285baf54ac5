-- The owner of an event is found by two keys. A join left the order to statistics: those of a database with one client made each
-- event a search through all of that client's streams.
DROP TRIGGER `stream_events_usage_insert`;
--> statement-breakpoint
DROP TRIGGER `stream_events_usage_update`;
--> statement-breakpoint
DROP TRIGGER `stream_events_usage_delete`;
--> statement-breakpoint
CREATE TRIGGER `stream_events_usage_insert` AFTER INSERT ON `stream_events` BEGIN
  UPDATE usage SET stored_bytes = stored_bytes + 50 + length(CAST(new.data AS BLOB)),
      program_bytes = program_bytes + 50 + length(CAST(new.data AS BLOB))
    WHERE owner = (SELECT owner FROM clients WHERE id = (SELECT client_id FROM streams WHERE id = new.stream_id));
END;
--> statement-breakpoint
CREATE TRIGGER `stream_events_usage_update` AFTER UPDATE OF data ON `stream_events` BEGIN
  UPDATE usage SET stored_bytes = stored_bytes + (50 + length(CAST(new.data AS BLOB))) - (50 + length(CAST(old.data AS BLOB))),
      program_bytes = program_bytes + (50 + length(CAST(new.data AS BLOB))) - (50 + length(CAST(old.data AS BLOB)))
    WHERE owner = (SELECT owner FROM clients WHERE id = (SELECT client_id FROM streams WHERE id = new.stream_id));
END;
--> statement-breakpoint
CREATE TRIGGER `stream_events_usage_delete` AFTER DELETE ON `stream_events` BEGIN
  UPDATE usage SET stored_bytes = stored_bytes - (50 + length(CAST(old.data AS BLOB))),
      program_bytes = program_bytes - (50 + length(CAST(old.data AS BLOB)))
    WHERE owner = (SELECT owner FROM clients WHERE id = (SELECT client_id FROM streams WHERE id = old.stream_id));
END;
