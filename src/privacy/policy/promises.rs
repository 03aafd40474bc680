//! The promises that published privacy policies make, each with its id.

/// A promise.
#[derive(Debug, Clone, Copy)]
pub struct Promise {
    /// Its id in policy files.
    pub id: &'static str,
    /// Its sentence in the catalogues.
    pub key: &'static str,
}

/// Every promise, in the order of the policies that make them.
pub const PROMISES: &[Promise] = &[
    Promise { id: "J1", key: "promise-j1" },
    Promise { id: "J2", key: "promise-j2" },
    Promise { id: "J3", key: "promise-j3" },
    Promise { id: "J4", key: "promise-j4" },
    Promise { id: "J5", key: "promise-j5" },
    Promise { id: "J6", key: "promise-j6" },
    Promise { id: "J7", key: "promise-j7" },
    Promise { id: "J8", key: "promise-j8" },
    Promise { id: "J9", key: "promise-j9" },
    Promise { id: "M1", key: "promise-m1" },
    Promise { id: "M2", key: "promise-m2" },
    Promise { id: "M3", key: "promise-m3" },
    Promise { id: "M4", key: "promise-m4" },
    Promise { id: "M5", key: "promise-m5" },
    Promise { id: "M6", key: "promise-m6" },
    Promise { id: "M7", key: "promise-m7" },
    Promise { id: "M8", key: "promise-m8" },
    Promise { id: "C1", key: "promise-c1" },
    Promise { id: "C2", key: "promise-c2" },
    Promise { id: "C3", key: "promise-c3" },
    Promise { id: "C4", key: "promise-c4" },
    Promise { id: "C5", key: "promise-c5" },
    Promise { id: "C6", key: "promise-c6" },
    Promise { id: "R1", key: "promise-r1" },
    Promise { id: "R2", key: "promise-r2" },
    Promise { id: "R3", key: "promise-r3" },
    Promise { id: "R4", key: "promise-r4" },
    Promise { id: "R5", key: "promise-r5" },
    Promise { id: "R6", key: "promise-r6" },
    Promise { id: "R7", key: "promise-r7" },
    Promise { id: "R8", key: "promise-r8" },
    Promise { id: "H1", key: "promise-h1" },
    Promise { id: "H2", key: "promise-h2" },
    Promise { id: "H3", key: "promise-h3" },
    Promise { id: "H4", key: "promise-h4" },
    Promise { id: "H5", key: "promise-h5" },
];
