package template

import (
	"errors"
	"fmt"

	"gopkg.in/yaml.v3"
)

// TableDefinition is what must be known of a DynamoDB table to create one like it.
type TableDefinition struct {
	Attributes []Attribute // those that keys are made of
	Key        Key
	Indexes    []Index
	Stream     string // the stream's view type, such as NEW_AND_OLD_IMAGES; empty without one
	Expiry     string // the attribute that holds an item's time to live; empty without one
}

// Attribute is a key attribute and its type: S, N or B.
type Attribute struct {
	Name string `yaml:"AttributeName"`
	Type string `yaml:"AttributeType"`
}

// Key names the attributes of a primary key. Range is empty when there is none.
type Key struct{ Hash, Range string }

// Index is a global secondary index.
type Index struct {
	Name       string
	Key        Key
	Projection string   // KEYS_ONLY, INCLUDE or ALL
	Include    []string // the attributes of an INCLUDE projection
}

type keySchema []struct {
	Name string `yaml:"AttributeName"`
	Kind string `yaml:"KeyType"`
}

func parseTable(properties *yaml.Node) (TableDefinition, error) {
	var p struct {
		Attributes []Attribute `yaml:"AttributeDefinitions"`
		Key        keySchema   `yaml:"KeySchema"`
		Indexes    []struct {
			Name       string    `yaml:"IndexName"`
			Key        keySchema `yaml:"KeySchema"`
			Projection struct {
				Type    string   `yaml:"ProjectionType"`
				Include []string `yaml:"NonKeyAttributes"`
			} `yaml:"Projection"`
		} `yaml:"GlobalSecondaryIndexes"`
		Stream struct {
			View string `yaml:"StreamViewType"`
		} `yaml:"StreamSpecification"`
		Expiry struct {
			Attribute string `yaml:"AttributeName"`
			Enabled   bool   `yaml:"Enabled"`
		} `yaml:"TimeToLiveSpecification"`
	}
	if err := properties.Decode(&p); err != nil {
		return TableDefinition{}, err
	}
	def := TableDefinition{Attributes: p.Attributes, Stream: p.Stream.View}
	if p.Expiry.Enabled {
		def.Expiry = p.Expiry.Attribute
	}
	var err error
	if def.Key, err = p.Key.key(); err != nil {
		return TableDefinition{}, err
	}
	for _, index := range p.Indexes {
		key, err := index.Key.key()
		if err != nil {
			return TableDefinition{}, fmt.Errorf("index %s: %w", index.Name, err)
		}
		def.Indexes = append(def.Indexes, Index{
			Name: index.Name, Key: key, Projection: index.Projection.Type, Include: index.Projection.Include,
		})
	}
	return def, nil
}

func (s keySchema) key() (Key, error) {
	var k Key
	for _, part := range s {
		switch part.Kind {
		case "HASH":
			k.Hash = part.Name
		case "RANGE":
			k.Range = part.Name
		default:
			return Key{}, fmt.Errorf("key attribute %s: unknown KeyType %q", part.Name, part.Kind)
		}
	}
	if k.Hash == "" {
		return Key{}, errors.New("a key needs a HASH attribute")
	}
	return k, nil
}
