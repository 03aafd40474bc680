//! The whole suite is one program. It runs on SQLite, and on PostgreSQL as well when
//! `TEST_DATABASE_URL` names a server where databases may be made.

mod canary;
mod capture;
mod catalogue;
mod certificate;
mod data;
mod erasure;
mod export;
mod failpoint;
mod hostile;
mod house;
mod import;
mod layers;
mod letter;
mod mailer;
mod manners;
mod onlooker;
mod outside;
mod people;
mod preflight;
mod protection;
mod public;
mod relocation;
mod replay;
mod residue;
mod river;
mod segment;
mod series;
mod session;
mod sink;
mod splice;
mod time;
mod trouble;
mod turn;
mod uncertain;
