//! The whole suite is one program. It runs on SQLite, and on PostgreSQL as well when
//! `TEST_DATABASE_URL` names a server where databases may be made.

mod canary;
mod capture;
mod catalogue;
mod certificate;
mod data;
mod erasure;
mod export;
mod hostile;
mod house;
mod import;
mod layers;
mod letter;
mod mailer;
mod manners;
mod people;
mod protection;
mod public;
mod replay;
mod residue;
mod river;
mod segment;
mod session;
mod sink;
mod trouble;
