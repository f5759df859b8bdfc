//! What the code takes for granted about API servers, as laws that hold for the fake one and for a real one alike. It is
//! the fake's licence to stand in for clusters elsewhere.

pub(crate) mod laws;

use mesh_testkit::apiserver::{ApiServer, Setup};

/// One test for each law, so that a broken one shows under its name.
macro_rules! the_fake_keeps {
    ($($law:ident),* $(,)?) => {
        $(
            #[test]
            fn $law() {
                let server = ApiServer::start(Setup::default());
                laws::$law(&server.rest());
            }
        )*

        #[test]
        fn every_law_of_the_contract_is_tested_here() {
            let tested = [$(stringify!($law)),*];
            let listed: Vec<&str> = laws::ALL.iter().map(|(name, _)| *name).collect();
            assert_eq!(listed, tested);
        }
    };
}

the_fake_keeps![
    an_object_comes_back_with_what_the_server_adds,
    a_name_is_taken_once,
    a_namespace_must_be_there,
    what_is_not_there_is_a_status_and_what_is_not_served_is_text,
    an_update_needs_the_version_that_it_saw,
    a_custom_object_is_not_updated_without_a_version,
    an_update_that_changes_nothing_keeps_the_version,
    a_deletion_needs_the_uid_and_the_version_that_it_names,
    a_dry_run_leaves_nothing_behind,
    pages_are_of_one_moment,
    a_continue_token_that_is_nonsense_is_refused,
    a_list_from_the_cache_has_no_pages,
    selectors_pick_labels_and_names,
    items_of_custom_kinds_alone_say_what_they_are,
    big_lists_are_compressed_for_those_who_ask,
    a_merge_patch_takes_away_what_is_null,
    apply_gives_fields_to_managers,
    a_watch_tells_what_changed_since_a_version,
    only_the_subresource_writes_a_status,
    discovery_says_what_is_served,
    a_wrong_token_is_refused_before_anything_else,
];
