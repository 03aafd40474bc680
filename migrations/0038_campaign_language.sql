-- The language of a launched campaign, which governs the pages behind its links; null for campaigns of earlier versions.
alter table campaign add column language text;
