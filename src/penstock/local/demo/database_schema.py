"""Tables of the demo databases: what an organisation keeps in a PostgreSQL of its own."""

TABLES = (
    "risk_category",
    "risk_type",
    "customer",
    "customer_order",
    "order_line",
    "premium_pay",
    "audit_trail",
)
"""In the order in which they can be filled."""

SCHEMA = """
CREATE TYPE order_status AS ENUM ('placed', 'packed', 'sent', 'delivered', 'returned');

CREATE TABLE risk_category (
    id integer,
    code text NOT NULL,
    name text NOT NULL,
    severity smallint NOT NULL,
    active boolean NOT NULL,
    description text,
    updated_at timestamptz NOT NULL
);

CREATE TABLE risk_type (
    id integer,
    category_id integer NOT NULL,
    code text NOT NULL,
    name text NOT NULL,
    likelihood numeric(5, 4) NOT NULL,
    impact smallint NOT NULL,
    controls text[] NOT NULL,
    last_reviewed date,
    details jsonb NOT NULL
);

CREATE TABLE customer (
    id bigint,
    reference uuid NOT NULL,
    name text NOT NULL,
    email text,
    town text NOT NULL,
    credit_limit numeric(12, 2),
    joined date NOT NULL,
    vip boolean NOT NULL,
    notes text
);

CREATE TABLE customer_order (
    id bigint,
    customer_id bigint NOT NULL,
    placed_at timestamptz NOT NULL,
    status order_status NOT NULL,
    currency char(3) NOT NULL,
    total numeric(12, 2) NOT NULL,
    paid boolean NOT NULL,
    delivered date
);

CREATE TABLE order_line (
    order_id bigint NOT NULL,
    line smallint NOT NULL,
    product text NOT NULL,
    quantity integer NOT NULL,
    unit_price numeric(10, 2) NOT NULL,
    amount numeric(12, 2) NOT NULL
);

CREATE TABLE premium_pay (
    id integer,
    employee text NOT NULL,
    name text NOT NULL,
    team text NOT NULL,
    month date NOT NULL,
    hours numeric(6, 2) NOT NULL,
    rate numeric(6, 2) NOT NULL,
    amount numeric(9, 2) NOT NULL,
    on_call boolean NOT NULL
);

CREATE TABLE audit_trail (
    id bigint,
    at timestamptz NOT NULL,
    actor text NOT NULL,
    action text NOT NULL,
    entity text NOT NULL,
    entity_id bigint NOT NULL,
    address inet,
    detail jsonb NOT NULL
);

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit trail is only added to' USING ERRCODE = '2F002';
END $$;
"""

AFTERWARDS = """
ALTER TABLE risk_category ADD PRIMARY KEY (id), ADD UNIQUE (code);
ALTER TABLE risk_type ADD PRIMARY KEY (id), ADD UNIQUE (code),
    ADD FOREIGN KEY (category_id) REFERENCES risk_category;
ALTER TABLE customer ADD PRIMARY KEY (id), ADD UNIQUE (reference);
ALTER TABLE customer_order ADD PRIMARY KEY (id),
    ADD FOREIGN KEY (customer_id) REFERENCES customer;
CREATE INDEX ON customer_order (placed_at);
ALTER TABLE order_line ADD PRIMARY KEY (order_id, line),
    ADD FOREIGN KEY (order_id) REFERENCES customer_order;
ALTER TABLE premium_pay ADD PRIMARY KEY (id);
ALTER TABLE audit_trail ADD PRIMARY KEY (id);
CREATE INDEX ON audit_trail (at);
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_trail
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
ANALYZE;
"""
"""Run once the tables are filled: keys are made faster over rows that are there."""
