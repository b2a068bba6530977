<?php
// A reader of config.xml written from the rules in fixtures/pfsense/README.md, on PHP's own xml extension.
// Peer of the differential test: reads {"dialect": "2.7.2|2.8|master", "doc": base64} a line, answers a JSON line each.

final class Refused extends Exception {}

final class Node {
	public ?string $text = null;
	/** @var array<string, Node|list<Node>> */
	public array $children = [];
	public bool $started = false;
	public function __construct(public string $name) {}
}

final class Reader {
	private array $open = [];
	private ?Node $root = null;
	private array $lists;

	public function __construct(private string $dialect, array $lists) {
		$this->lists = array_flip($lists);
	}

	public function read(string $doc): mixed {
		$parser = xml_parser_create();
		xml_parser_set_option($parser, XML_OPTION_SKIP_WHITE, 1);
		xml_set_element_handler($parser, fn($p, $name) => $this->start(strtolower($name)), fn($p, $name) => $this->end());
		xml_set_character_data_handler($parser, fn($p, $text) => $this->text($text));
		$pieces = str_split($doc, 4096);
		foreach ($pieces as $n => $piece) {
			if (!xml_parse($parser, $piece, $n === count($pieces) - 1)) {
				throw new Refused(xml_error_string(xml_get_error_code($parser)));
			}
		}
		if ($this->root === null || $this->root->name !== 'pfsense') throw new Refused('no root');
		$seen = $this->value($this->root);
		if (!$seen || ($seen instanceof stdClass && !(array)$seen)) throw new Refused('empty root');
		return $seen;
	}

	private function start(string $name): void {
		$node = new Node($name);
		if ($this->open) {
			$parent = end($this->open);
			if ($parent->text !== null) throw new Refused('element after text');
			$parent->started = true;
			if (isset($this->lists[$name])) {
				$parent->children[$name][] = $node;
			} elseif (isset($parent->children[$name])) {
				throw new Refused("$name twice");
			} else {
				$parent->children[$name] = $node;
			}
		} else {
			$this->root = $node;
		}
		$this->open[] = $node;
	}

	private function text(string $raw): void {
		$piece = trim($raw, "\t\r\n");
		if ($piece === '') return;
		$flags = $this->dialect === 'master' ? ENT_QUOTES | ENT_SUBSTITUTE | ENT_XML1 : ENT_QUOTES | ENT_SUBSTITUTE | ENT_HTML401;
		$node = end($this->open);
		if ($node->text !== null) {
			$node->text .= html_entity_decode($piece, $flags);
		} elseif (trim($piece, ' ') !== '') {
			// Text after an element replaces what the element left.
			$node->children = [];
			$node->text = html_entity_decode($piece, $flags);
		}
	}

	private function end(): void {
		$node = array_pop($this->open);
		if ($node->text === null && !$node->started && $this->open && isset($this->lists[$node->name])) {
			// An empty member of a list goes; the list itself stays.
			array_pop(end($this->open)->children[$node->name]);
		}
	}

	private function value(Node $node): mixed {
		if ($node->text !== null) return $node->text;
		if (!$node->started) return '';
		$map = new stdClass();
		foreach ($node->children as $name => $child) {
			$map->{$name} = is_array($child) ? array_map(fn($it) => $this->value($it), $child) : $this->value($child);
		}
		return $map;
	}
}

if (get_included_files()[0] !== __FILE__) return; // taken in by config.inc
ini_set('memory_limit', '1G');
$lists = json_decode(file_get_contents($argv[1]), true);
while (($line = fgets(STDIN)) !== false) {
	$ask = json_decode($line, true);
	$reader = new Reader($ask['dialect'], $lists[$ask['dialect']] ?? []);
	try {
		$answer = ['accepted' => true, 'seen' => $reader->read(base64_decode($ask['doc']))];
	} catch (Refused $why) {
		$answer = ['accepted' => false, 'why' => $why->getMessage()];
	}
	echo json_encode($answer, JSON_UNESCAPED_SLASHES | JSON_UNESCAPED_UNICODE | JSON_INVALID_UTF8_SUBSTITUTE, 1024), "\n";
}
