//! Env files, read at every start of real processes.

use std::fs;

use super::Project;

#[test]
fn a_start_has_the_env_file_as_it_is_then() {
    let project = Project::new(
        "[supervisor]\nenv_file = '.env.local?'\n\
         [tasks.api]\ncommand = 'echo \"$KEY|${KEY}|${LOCAL:-none}\"; exec sleep 1000'\nenv_file = '.env'\n",
    );
    let write = |name: &str, text: &str| fs::write(project.path().join(name), text).expect("a file");
    write(".env", "KEY=s3cr$et # mine\n");
    let mut stead = project.up();
    stead.wait_for_control();
    stead.wait_for("| s3cr$et|");
    write(".env", "KEY='a b'\n");
    write(".env.local", "LOCAL=here\n");
    assert_eq!(project.client(&["restart", "api"]).code, Some(0));
    stead.wait_for("| a b|a b|here");
    write(".env", "KEY=1\n\nnonsense\n");
    assert_eq!(project.client(&["restart", "api"]).code, Some(0));
    stead.wait_for("/.env, line 3: expected NAME=VALUE");
    write(".env", "KEY=mended\n");
    stead.wait_for("| mended|mended|here");
}
