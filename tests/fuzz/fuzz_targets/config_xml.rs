//! Any bytes: reading never panics, and an edit that is given out says what was intended and moves nothing else.
#![no_main]
#![allow(dead_code, unused_imports)]

#[path = "../../../src/error.rs"]
mod error;
#[path = "systems.rs"]
mod systems;
#[path = "../../../src/text.rs"]
mod text;

use libfuzzer_sys::fuzz_target;
use systems::pfsense::{Dialect, Document, Edit, Kind, Seen};

fuzz_target!(|data: &[u8]| {
    for dialect in [Dialect::V2_6, Dialect::V2_7, Dialect::V2_8, Dialect::V2_9] {
        let Ok(document) = Document::read_as(data, dialect) else { continue };
        let seen = Seen::of(&document, document.root());
        if document.kind(document.root()) != Kind::Elements {
            continue;
        }
        let edits = [Edit::put("fuzz/key", "value"), Edit::put("dnsserver", Seen::List(vec!["1".into(), "2".into()]))];
        for edit in edits {
            let Ok(new) = document.edited(std::slice::from_ref(&edit)) else { continue };
            let again = Document::read_as(&new, dialect).expect("an edited file can be read");
            assert!(again.holds(std::slice::from_ref(&edit)).expect("the place is still there"));
            let Ok(back) = again.edited(&document.inverse(std::slice::from_ref(&edit))) else { continue };
            let back = Document::read_as(&back, dialect).expect("the way back can be read");
            let back = Seen::of(&back, back.root());
            // A list that had only empty members is gone; everything else is as before.
            let plain = |seen: &Seen| seen.to_json().to_string().replace("\"dnsserver\":[],", "").replace(",\"dnsserver\":[]", "");
            assert_eq!(plain(&back), plain(&seen));
        }
    }
});
