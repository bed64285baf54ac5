CREATE TABLE "message_parts" (
	"message_id" bigint PRIMARY KEY NOT NULL,
	"parts" "tsvector" NOT NULL
);
--> statement-breakpoint
ALTER TABLE "message_parts" ADD CONSTRAINT "message_parts_message_id_messages_id_fk" FOREIGN KEY ("message_id") REFERENCES "public"."messages"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "message_parts_parts" ON "message_parts" USING gin ("parts");