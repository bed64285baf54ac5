CREATE TABLE "leases" (
	"name" text collate "C" PRIMARY KEY NOT NULL,
	"instance_id" text collate "C" NOT NULL
);
--> statement-breakpoint
ALTER TABLE "instances" ADD COLUMN "serves" boolean DEFAULT false NOT NULL;--> statement-breakpoint
ALTER TABLE "leases" ADD CONSTRAINT "leases_instance_id_instances_id_fk" FOREIGN KEY ("instance_id") REFERENCES "public"."instances"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "keyed_calls_running" ON "keyed_calls" USING btree ("instance_id") WHERE outcome is null;