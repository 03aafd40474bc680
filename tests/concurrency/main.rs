//! What threads of a mailer share, under a scheduler that decides every step (`shuttle`) and tries
//! thousands of the orders in which they can meet. The files are those of the product: they take their
//! primitives from `infra::sync_shim`, which is another one here.
//!
//! A failing order is printed and can be run again with `shuttle::replay`.

mod campaign;
mod disk;
mod group_commit;
mod in_flight;
mod infra;
mod lease_freshness;
mod mailer;
mod time;
mod token_reserve;

/// Orders that are tried at random, and with few, well placed switches.
const ORDERS: usize = 1_000;

/// Tries a scene in many orders.
fn explore(scene: impl Fn() + Send + Sync + Clone + 'static) {
    shuttle::check_random(scene.clone(), ORDERS);
    shuttle::check_pct(scene, ORDERS, 3);
}
