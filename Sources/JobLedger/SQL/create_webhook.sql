INSERT INTO webhooks (id, url, kinds, statuses, subjects, description, enabled, secret)
VALUES ($1::uuid, $2::text, $3::text[], $4::text[], $5::text[], $6::text, $7::boolean, $8::text)
