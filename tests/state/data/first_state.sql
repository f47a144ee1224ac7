BEGIN TRANSACTION;
CREATE TABLE incidents (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	entity TEXT NOT NULL, 
	verdict TEXT NOT NULL, 
	opened_ns BIGINT NOT NULL, 
	updated_ns BIGINT NOT NULL, 
	resolved_ns BIGINT, 
	body TEXT NOT NULL
);
CREATE TABLE outbox (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	forwarder TEXT NOT NULL, 
	"key" TEXT NOT NULL, 
	topic TEXT NOT NULL, 
	payload TEXT NOT NULL, 
	delivery TEXT NOT NULL, 
	attempts INTEGER NOT NULL, 
	deliveries INTEGER NOT NULL, 
	created_ns BIGINT NOT NULL, 
	due_ns BIGINT NOT NULL, 
	updated_ns BIGINT NOT NULL, 
	error TEXT, 
	UNIQUE (forwarder, "key")
);
INSERT INTO "outbox" VALUES(1,'am','k','k','{"n":1}','pending',0,0,1,1,1,NULL);
CREATE TABLE patrol_runs (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	schedule TEXT, 
	generated_ns BIGINT NOT NULL, 
	score DOUBLE, 
	verdict TEXT NOT NULL, 
	counts TEXT NOT NULL, 
	files TEXT NOT NULL, 
	report TEXT NOT NULL
);
CREATE TABLE schedules (
	name TEXT NOT NULL, 
	last_ns BIGINT NOT NULL, 
	PRIMARY KEY (name)
);
INSERT INTO "schedules" VALUES('x',3);
CREATE TABLE settings (
	name TEXT NOT NULL, 
	value TEXT NOT NULL, 
	PRIMARY KEY (name)
);
INSERT INTO "settings" VALUES('version','1');
CREATE TABLE silences (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	entity TEXT NOT NULL, 
	starts_ns BIGINT NOT NULL, 
	ends_ns BIGINT NOT NULL, 
	comment TEXT NOT NULL, 
	author TEXT NOT NULL
);
CREATE INDEX ix_incidents_updated_ns ON incidents (updated_ns);
CREATE INDEX ix_incidents_resolved_ns ON incidents (resolved_ns);
CREATE INDEX ix_patrol_runs_generated_ns ON patrol_runs (generated_ns);
CREATE INDEX ix_patrol_runs_schedule ON patrol_runs (schedule);
CREATE INDEX outbox_due ON outbox (delivery, due_ns);
COMMIT;
