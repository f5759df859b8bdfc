//! The image: two programs that nobody owns, and nothing beside them.

use std::fs;
use std::path::Path;

#[test]
fn the_image_has_two_programs_and_nothing_else() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../Containerfile");
    let text = fs::read_to_string(path).unwrap();
    let steps: Vec<&str> = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
    assert_eq!(
        steps,
        [
            "FROM scratch",
            "COPY --chmod=0555 mesh-webhook kubectl-mesh /",
            "USER 65532:65532",
            r#"ENTRYPOINT ["/mesh-webhook"]"#,
        ]
    );
    let version = format!("--tag kubectl-mesh:{} ", env!("CARGO_PKG_VERSION"));
    assert!(text.contains(&version), "the chart looks for it under its own version");
}
