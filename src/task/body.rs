//! The Markdown body: headings and the check boxes of the acceptance criteria, with their ranges.

use std::ops::Range;

use pulldown_cmark::{Event, HeadingLevel, Options, Parser, Tag, TagEnd};

use super::{Span, Spanned};

/// What the body of a task file says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Body {
    /// The text of the first heading.
    pub title: Option<Spanned<Box<str>>>,
    /// All headings, in order.
    pub headings: Vec<Heading>,
    /// The check boxes under a heading that speaks of acceptance criteria; all check boxes where there is no such
    /// heading.
    pub criteria: Vec<Criterion>,
}

/// A heading.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heading {
    /// 1 to 6.
    pub level: u8,
    /// Its text, without markup.
    pub text: Box<str>,
    /// The whole heading.
    pub span: Span,
}

/// An acceptance criterion: a list item with a check box.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Criterion {
    /// Is it ticked?
    pub done: bool,
    /// Its text, without markup.
    pub text: Box<str>,
    /// The `[ ]` or `[x]`.
    pub mark: Span,
    /// The whole item.
    pub span: Span,
}

impl Body {
    /// Reads the body of a file's text; ranges count from the beginning of the file.
    pub fn read(text: &str) -> Self {
        let start = super::frontmatter::Frontmatter::find(text).map_or(0, |frontmatter| frontmatter.body);
        Self::read_from(text, start)
    }

    /// Reads the body that begins at an offset.
    pub(super) fn read_from(text: &str, start: usize) -> Self {
        let mut reader = Reader { base: start, ..Reader::default() };
        let body = text.get(start..).unwrap_or_default();
        for (event, range) in Parser::new_ext(body, Options::ENABLE_TASKLISTS).into_offset_iter() {
            reader.take(&event, range);
        }
        reader.finish()
    }
}

/// The title of a body: its first heading, read without the rest of the body.
pub(super) fn first_heading(text: &str, start: usize) -> Option<Spanned<Box<str>>> {
    let body = text.get(start..)?;
    ends_of_headings(body).next()?;
    first_heading_in_beginning(text, start).or_else(|| heading_within(body, start))
}

/// The same where the text is the beginning of a file: `None` where what stands behind it may still decide.
///
/// What comes behind a heading does not change it, so the text is parsed only as far as the first line that can end
/// one; where it ends none (it stands in a code block), further.
pub(super) fn first_heading_in_beginning(text: &str, start: usize) -> Option<Spanned<Box<str>>> {
    let body = text.get(start..)?;
    let mut parsed = 0;
    // More of a line without an end may stand behind.
    for end in ends_of_headings(body).filter(|end| body.get(..*end).is_some_and(|text| text.ends_with('\n'))) {
        // Twice as far each time: a code block full of such lines must not be parsed once for each of them.
        if end < parsed * 2 {
            continue;
        }
        parsed = end;
        if let Some(heading) = heading_within(body.get(..end)?, start) {
            // Whether brackets are a link is decided by what may stand behind.
            return (!heading.value.contains('[')).then_some(heading);
        }
    }
    None
}

/// The ends of the lines that may end a heading: those with a `#` before its text, and those that underline one.
fn ends_of_headings(body: &str) -> impl Iterator<Item = usize> {
    let bytes = body.as_bytes();
    let newlines = memchr::memchr_iter(b'\n', bytes).map(|newline| newline + 1);
    let mut start = 0;
    newlines.chain(std::iter::once(bytes.len())).filter_map(move |end| {
        let line = bytes.get(start..end)?.trim_ascii_end();
        start = end;
        let may_end = matches!(line.last(), Some(b'=' | b'-')) || memchr::memchr(b'#', line).is_some();
        may_end.then_some(end)
    })
}

fn heading_within(body: &str, start: usize) -> Option<Spanned<Box<str>>> {
    let mut reader = Reader { base: start, ..Reader::default() };
    for (event, range) in Parser::new_ext(body, Options::empty()).into_offset_iter() {
        reader.take(&event, range);
        if let Some(heading) = reader.body.headings.first() {
            return Some(Spanned::new(heading.text.clone(), heading.span));
        }
    }
    None
}

#[derive(Default)]
struct Reader {
    base: usize,
    body: Body,
    heading: Option<(u8, Range<usize>)>,
    items: Vec<Item>,
    text: String,
    section: Section,
}

/// An open list item and its check box, once it was seen.
struct Item {
    range: Range<usize>,
    mark: Option<(bool, Range<usize>)>,
    text: String,
}

/// Whether the place belongs to the acceptance criteria.
#[derive(Default, Clone, Copy, PartialEq, Eq)]
enum Section {
    /// No heading spoke of them so far.
    #[default]
    Unknown,
    /// Under a heading of this level that speaks of them.
    Criteria(u8),
    /// Behind that section.
    Other,
}

impl Reader {
    fn take(&mut self, event: &Event<'_>, range: Range<usize>) {
        match event {
            Event::Start(Tag::Heading { level, .. }) => {
                self.heading = Some((depth(*level), range));
                self.text.clear();
            }
            Event::End(TagEnd::Heading(_)) => self.end_heading(),
            Event::Start(Tag::Item) => self.items.push(Item { range, mark: None, text: String::new() }),
            Event::End(TagEnd::Item) => self.end_item(),
            Event::TaskListMarker(done) => {
                if let Some(item) = self.items.last_mut() {
                    item.mark = Some((*done, range));
                }
            }
            Event::Text(text) | Event::Code(text) => self.push(text),
            Event::SoftBreak | Event::HardBreak => self.push(" "),
            _ => {}
        }
    }

    fn push(&mut self, text: &str) {
        match (&self.heading, self.items.last_mut()) {
            (Some(_), _) => self.text.push_str(text),
            (None, Some(item)) => item.text.push_str(text),
            (None, None) => {}
        }
    }

    fn end_heading(&mut self) {
        let Some((level, range)) = self.heading.take() else { return };
        let text: Box<str> = self.text.trim().into();
        self.enter_section(level, &text);
        let span = self.span(&range);
        if self.body.title.is_none() && !text.is_empty() {
            self.body.title = Some(Spanned::new(text.clone(), span));
        }
        self.body.headings.push(Heading { level, text, span });
    }

    fn enter_section(&mut self, level: u8, heading: &str) {
        let heading = heading.to_lowercase();
        if heading.contains("acceptance criteria") || heading.contains("success criteria") {
            if self.section == Section::Unknown {
                // Boxes before the section were taken as criteria only for want of one.
                self.body.criteria.clear();
            }
            self.section = Section::Criteria(level);
        } else if matches!(self.section, Section::Criteria(outer) if level <= outer) {
            self.section = Section::Other;
        }
    }

    fn end_item(&mut self) {
        let Some(item) = self.items.pop() else { return };
        let Some((done, mark)) = item.mark else { return };
        if self.section == Section::Other {
            return;
        }
        let criterion =
            Criterion { done, text: item.text.trim().into(), mark: self.span(&mark), span: self.span(&item.range) };
        self.body.criteria.push(criterion);
    }

    fn span(&self, range: &Range<usize>) -> Span {
        Span::new(self.base + range.start, self.base + range.end)
    }

    fn finish(mut self) -> Body {
        self.body.criteria.sort_by_key(|criterion| criterion.span);
        self.body
    }
}

fn depth(level: HeadingLevel) -> u8 {
    match level {
        HeadingLevel::H1 => 1,
        HeadingLevel::H2 => 2,
        HeadingLevel::H3 => 3,
        HeadingLevel::H4 => 4,
        HeadingLevel::H5 => 5,
        HeadingLevel::H6 => 6,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use super::*;

    const FILE: &str = "---\nid: A\n---\n\n# Task: `Do` it\n\n- [ ] not one\n\n## Acceptance Criteria\n\n- [x] First `one`\n- [ ] Second\n  - [x] nested\n\n### Also\n\n- [ ] Third\n\n## Notes\n\n- [ ] no criterion\n";

    #[test]
    fn reads_title_and_criteria_with_their_ranges() {
        let body = Body::read(FILE);
        assert_eq!(&*body.title.unwrap().value, "Task: Do it");
        let criteria: Vec<_> = body.criteria.iter().map(|one| (one.done, &*one.text)).collect();
        assert_eq!(criteria, [(true, "First one"), (false, "Second"), (true, "nested"), (false, "Third")]);
        assert_eq!(&FILE[body.criteria[0].mark.range()], "[x]");
        assert_eq!(body.headings.len(), 4);
    }

    #[test]
    fn without_such_a_heading_every_box_is_a_criterion() {
        assert_eq!(Body::read("# T\n\n- [ ] one\n- [x] two\n").criteria.len(), 2);
    }

    #[test]
    fn the_first_heading_is_found_alone() {
        let heading = first_heading(FILE, 14).unwrap();
        assert_eq!(&*heading.value, "Task: Do it");
        assert_eq!(&FILE[heading.span.range()].trim_end(), &"# Task: `Do` it");
    }

    proptest::proptest! {
        /// Reading less must find the same heading.
        #[test]
        fn the_first_heading_is_that_of_the_whole_body(lines in proptest::collection::vec(proptest::sample::select(LINES), 0..12)) {
            let text = lines.concat();
            let whole = heading_within(&text, 0).map(|heading| (heading.value, heading.span.start));
            proptest::prop_assert_eq!(first_heading(&text, 0).map(|heading| (heading.value, heading.span.start)), whole);
        }
    }

    const LINES: &[&str] = &[
        "\n",
        "text\n",
        "# One\n",
        "  ## Two #\n",
        "- # Three\n",
        "> # Four\n",
        "===\n",
        "---\n",
        "> ---\n",
        "```\n",
        "    # code\n",
        "# a [b]\n",
        "[b]: x\n",
        "<div>\n",
        "</div>\n",
        "- item\n",
        "  - more\n",
        "#\n",
        "#5\n",
        "# End\r\n",
        "<!--\n",
        "-->\n",
    ];
}
