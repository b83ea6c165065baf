use super::*;

fn data() -> TemplateValue {
    let list = TemplateValue::List([TemplateValue::Int(1), "two".into()].into());
    let map = [("k", "v"), ("a", "b")].map(|(key, value)| (key.to_owned(), value.into()));
    let entries = [
        ("NAME", "api".into()),
        ("PC_REPLICA_NUM", TemplateValue::Int(3)),
        ("ON", TemplateValue::Bool(true)),
        ("HALF", TemplateValue::Float(0.5)),
        ("EMPTY", "".into()),
        ("LIST", list),
        ("MAP", TemplateValue::Map(Rc::new(map.into_iter().collect()))),
    ];
    TemplateValue::Map(Rc::new(entries.map(|(key, value)| (key.to_owned(), value)).into_iter().collect()))
}

fn shown(template: &str) -> String {
    render(template, &data()).unwrap_or_else(|bad| format!("{:?} {}", bad.span, bad.what))
}

#[test]
fn what_public_files_use_works() {
    for (template, text) in [
        ("no template", "no template"),
        ("{{.NAME}}-{{ .PC_REPLICA_NUM }}", "api-3"),
        ("{{ printf \"%02d\" .PC_REPLICA_NUM }}{{.HALF}}", "030.5"),
        ("80{{ .PC_REPLICA_NUM | printf \"%03d\" }}", "80003"),
        ("{{if .ON}}yes{{else}}no{{end}}", "yes"),
        ("{{if .EMPTY}}a{{else if eq .NAME \"x\" \"api\"}}b{{else}}c{{end}}", "b"),
        ("{{ if and .ON (gt .PC_REPLICA_NUM 2) }}many{{ end }}", "many"),
        ("{{ if .MISSING }}a{{ end }}{{ if not .MISSING }}b{{ end }}", "b"),
        ("{{range .LIST}}<{{.}}>{{end}}{{range .EMPTY_LIST}}x{{else}}none{{end}}", "<1><two>none"),
        ("{{range $k, $v := .MAP}}{{$k}}={{$v}} {{end}}", "a=b k=v "),
        ("{{range $i, $x := .LIST}}{{if $i}}, {{end}}{{$x}}{{end}}", "1, two"),
        ("{{with .MAP}}{{.k}}{{$.NAME}}{{end}}", "vapi"),
        ("{{ $x := 1 }}{{ if .ON }}{{ $x = 2 }}{{ end }}{{ $x }}", "2"),
        ("a {{- /* gone */ -}} b", "ab"),
        ("a {{- .NAME -}}  b", "aapib"),
        ("{{ `{{.Names}}` }}{{ \"}}\" }}", "{{.Names}}}}"),
        ("{{ len .LIST }}{{ index .LIST 1 }}{{ index .MAP \"k\" }}", "2twov"),
        ("{{ print .NAME 1 2 \"x\" }}{{ true }}", "api1 2xtrue"),
        (
            "{{ printf \"%-5s|%5s|%v|%q|%x|%t|%.2f|%%\" \"a\" \"b\" .NAME \"c\" 255 true .HALF }}",
            "a    |    b|api|\"c\"|ff|true|0.50|%",
        ),
        ("{{ .LIST }}", "[1 two]"),
        ("{{range 5}}{{if eq . 1}}{{continue}}{{end}}{{if gt . 2}}{{break}}{{end}}{{.}}{{end}}.", "02."),
    ] {
        assert_eq!(shown(template), text, "{template}");
    }
}

#[test]
fn anything_else_is_an_error_with_its_place() {
    for (template, text) in [
        ("docker ps --format '{{.Name}}'", "20..27 this is not set, and process-compose would put `<no value>`"),
        ("x {{json .}}", "4..10 `json` is not known here"),
        ("{{ .NAME", "0..2 this is never closed"),
        ("{{ if .ON }}x", "0..12 this is never ended"),
        ("{{ end }}", "0..9 nothing is open that this could end"),
        ("{{ template \"x\" }}", "0..11 `template` is not known here"),
        ("{{ .NAME.sub }}", "3..12 `.sub` can be taken of maps only"),
        ("{{ $x }}", "3..5 $x is not declared"),
        ("{{ }}", "0..3 something is missing here"),
        ("{{ .NAME .ON }}", "3..13 only a function has arguments"),
        ("{{ printf \"%d\" .NAME }}", "3..21 `%d` is not known here for this value"),
        ("{{ printf \"%9999d\" 1 }}", "3..21 a field of `printf` is wider than 1000"),
        ("{{ eq .NAME 1 }}", "3..14 values of two kinds are compared"),
        ("{{ \"x }}", "3..4 a quote is never closed"),
        ("é{{ é }}", "5..8 `é` is not known here"),
    ] {
        assert_eq!(shown(template), text, "{template}");
    }
}

#[test]
fn time_and_space_are_limited() {
    let nested = "{{ range 1000 }}".repeat(4) + "x" + &"{{ end }}".repeat(4);
    assert!(shown(&nested).contains("too long"), "{}", shown(&nested).len());
    let deep = "{{ if .ON }}".repeat(100_000);
    assert!(shown(&deep).contains("too deep"));
    let parentheses = format!("{{{{ {} }}}}", "(".repeat(100_000));
    assert!(shown(&parentheses).contains("too deep"));
    let wide = "{{ range 9000 }}".to_owned() + &"y".repeat(1000) + "{{ end }}";
    assert!(shown(&wide).contains("too much"));
}

#[test]
fn a_text_that_doubles_itself_is_refused() {
    let (open, close) = ("{{ range .LIST }}".repeat(6), "{{ end }}".repeat(6));
    let doubling = format!("{{{{ $x := \"aaaaaaaa\" }}}}{open}{{{{ $x = print $x $x }}}}{close}");
    let why = shown(&doubling.replace(".LIST", "$.LIST"));
    assert!(why.contains("longer than 1048576 bytes"), "{why}");
}
