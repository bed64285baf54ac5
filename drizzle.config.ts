import { defineConfig } from "drizzle-kit";

// `DIALECT=postgresql` generates for the second engine.
export default process.env["DIALECT"] === "postgresql"
  ? defineConfig({
      dialect: "postgresql",
      schema: "./src/storage/postgres/schema/tables/*.ts",
      out: "./migrations/postgres",
    })
  : defineConfig({
      dialect: "sqlite",
      schema: "./src/storage/sqlite/schema/tables/*.ts",
      out: "./migrations",
    });
